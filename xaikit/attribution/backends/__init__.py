"""The methods as the field's libraries compute them: ``explain(..., backend="captum")``.

Each file translates the course's options into one library's and the library's result back. A file
imports its library only when it is asked, so that none of them has to be installed.
"""

from xaikit.attribution.backends import (  # noqa: F401 (imported for their registration)
    captum,
    captum_surrogates,
    lime,
    shap,
    zennit,
)
