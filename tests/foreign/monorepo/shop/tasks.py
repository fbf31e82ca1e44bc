"""The tasks of this project: see `inv --list`. Add your own below."""

from kubetasks import collection

namespace = collection
