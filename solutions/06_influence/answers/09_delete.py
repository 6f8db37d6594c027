# %% [markdown] answer="delete" kind="alternative"
# <!-- answer: delete -->
# 1. Show them to a person, in the order of the plain loss, which is as good among the first two hundred as self-influence
#    and needs no gradient. A precision of about a half means that every second deleted image would be a good one, and the
#    unusual garments would go first. Corrected labels are measured on checked test images, by class, and against
#    as many corrections at random.
# 2. Delete after a look: Grad-Cos from the image with the sticker puts poisoned ones on nearly all of the first 100
#    places. Self-influence puts none there, because the network learns the sticker at once and its loss is gone. Then train
#    again: the attack's success has to fall to a clean network's, the accuracy has to stay.
# 3. No single image is responsible. Without it the network is as good as the same, seeds change more, and with another damping
#    another image leads; an LDS of 0.7 is no proof. I show groups by two methods, and retrain without them beside
#    random groups with several seeds. I delete nothing for it.
