"""What packages that offer steps write against: everything here stays as it is. Must not know how steps are run.

A package names a ``PythonStep`` as an entry point of the group ``smartlite.steps``::

    [project.entry-points."smartlite.steps"]
    shout = "my_package:shout"

Documents use it as ``python.shout``.
"""

from smartlite.errors import PythonStepRefused
from smartlite.pipeline.spec.fields import Field
from smartlite.pipeline.steps.python import PythonStep, StepCall

__all__ = ["Field", "PythonStep", "PythonStepRefused", "StepCall"]
