#!/usr/bin/env bash
# Prints the profile for this machine: torch where there is an NVIDIA GPU, else cpu. `smartlite doctor` says why, by
# the same rule (smartlite/cli/checks/machine.py).
if [ -e /dev/nvidia0 ] || nvidia-smi -L 2>/dev/null | grep -q '^GPU '; then echo torch; else echo cpu; fi
