"""The frontend: its pages, its sessions and its proxy."""
