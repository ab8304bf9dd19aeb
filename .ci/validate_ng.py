"""Runs iiif-validator-ng and fails where it does: validate_ng.py ADDRESS VERSION IDENTIFIER.

Its own command tells no failure by its exit status and seeds nothing.
"""

import random
import sys

from iiif_validator.tests.test import IIIFVersion, TargetServer, ValidationFailure
from iiif_validator.validate import run_tests

# One whose random regions its test of turns can cut out of what it expects: it takes more than a narrow one has.
SEED = 1

address, version, identifier = sys.argv[1:]
random.seed(SEED)
server = TargetServer(address, validation_id=identifier, version=IIIFVersion(version))
passed, failures = 0, []
# One thread: with several, which test gets which random number is a matter of chance.
for test, results in run_tests(server, max_threads=1):
    for result in results if isinstance(results, list) else [results]:
        if isinstance(result, ValidationFailure):
            failures.append(f"{test.__module__.split('.')[-1]}: {result.details}: expected {result.expected}, got {result.received} at {result.url}")
        else:
            passed += 1
print(f"iiif-validator-ng, version {version}: {passed} passed, {len(failures)} failed")
print("\n".join(failures), end="")
sys.exit(bool(failures))
