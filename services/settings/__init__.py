"""Every setting of Undertone: where it may come from, its unit, its default.

In order of precedence: the command line, `UNDERTONE_*` variables, a TOML file
(`--config FILE`, else `$UNDERTONE_CONFIG`, else `undertone.toml` where it lies in
the working directory), the default. A name that nobody knows is refused,
since a mistyped setting that is quietly ignored is found much later.

A secret comes from the environment, from the TOML file, or from a file of its
own named by `<secret>_file` (as Docker and Kubernetes mount them); never from
the command line, where every user of the machine can read it.

`python -m services.settings.example > undertone.example.toml` writes the example file.
"""

from services.settings.load import load_settings
from services.settings.model import Settings

__all__ = ["Settings", "load_settings"]
