"""python -m logos"""

import sys

from logos.cli.client import main

sys.exit(main())
