"""kubetasks as a server of the Model Context Protocol: what an assistant may look at, and change after a yes.

``server`` imports the SDK, which costs most of a second; everything else here is plain data.
"""
