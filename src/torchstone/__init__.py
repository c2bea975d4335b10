"""Torchstone: a touchstone for training code.

`torchstone.spec` holds the numbered clauses, `torchstone.reference` the code that shows what they mean,
`torchstone.conformance` the suite that tests a backend against both.
"""

import os as _os

__version__ = "0.1.0"

_here = _os.path.dirname(_os.path.abspath(__file__))
if not _os.path.isdir(_os.path.join(_here, "reference")):
    # A checkout on a file system without symbolic links: the folders are two levels up.
    __path__.append(_os.path.dirname(_os.path.dirname(_here)))
