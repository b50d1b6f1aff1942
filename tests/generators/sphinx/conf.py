"""One source for three themes; build.py names the theme."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "Lantern"
author = "The lantern's keepers"
release = "2.0"
extensions = ["sphinx.ext.autodoc", "sphinx.ext.viewcode", "sphinx_copybutton", "sphinx_design"]
html_baseurl = "http://lantern.example/"
html_static_path = ["_static"]
html_css_files = ["extra.css"]
html_favicon = "_static/lantern.svg"
# What pydata's theme asks for at run time: the list of versions, and pictures for the two colour schemes.
html_theme = os.environ["HTML_THEME"]
if html_theme == "pydata_sphinx_theme":
    html_theme_options = {
        "switcher": {"json_url": f"{html_baseurl}_static/switcher.json", "version_match": "2.0"},
        "check_switcher": False,
        "navbar_start": ["navbar-logo", "version-switcher"],
        "logo": {"image_light": "_static/lantern.svg", "image_dark": "_static/lantern-dark.svg"},
    }
