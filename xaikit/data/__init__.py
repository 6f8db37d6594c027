"""What do we look at? FashionMNIST, MNIST, and photographs of cats and dogs.

Data is looked for in this order: the folder given, the folder that ``XAIKIT_DATA`` names, Debian's
package dataset-fashion-mnist, the cache, the network (torchvision's download, into the cache). If
there is none of these, FashionMNIST comes as a small embedded sample, and a line says so.
Damaged data is an error wherever it lies: it is never used, and nothing else is used in its place.
"""

from xaikit.data.api import load
from xaikit.data.catalogue import DATA_SETS, SAMPLE
from xaikit.data.dataset import AlteredDataset, ImageDataset, PhotoDataset
from xaikit.data.idx_sets import embedded

__all__ = [
    "DATA_SETS",
    "SAMPLE",
    "AlteredDataset",
    "ImageDataset",
    "PhotoDataset",
    "embedded",
    "load",
]
