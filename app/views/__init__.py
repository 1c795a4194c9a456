"""The views of the page, found by the name of their file: adding one is adding one file.

A view has ``TITLE`` and ``ICON`` (a Material symbol, shipped with Streamlit) for the bar at the top, ``ORDER`` (where
in it), and ``show(model)``, which lays it out.
"""

from data.plugins import Plugins

VIEWS = Plugins(__name__, __path__, "view")
