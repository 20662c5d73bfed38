"""`App`: the application with all the ways to run it.

Laws:

* This is one of the few rooms where application, server and store meet; each of them knows nothing of the others.
* However an app is run, it is the same handler behind the same waist.
"""

from __future__ import annotations
