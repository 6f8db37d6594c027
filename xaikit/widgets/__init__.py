"""What happens if I choose otherwise? An explorer of explanations, for JupyterLab and Colab."""

from xaikit.widgets.explorer import Explorer, explorer

__all__ = ["Explorer", "explorer"]
