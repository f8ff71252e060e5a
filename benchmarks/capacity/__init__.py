"""Capacity: what a request costs, and a simulation of clusters that are larger than the machine that was measured."""
