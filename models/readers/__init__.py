"""Readers for the file formats that trained weights are published in: they parse, and never execute.

Every reader checks lengths before it slices, allocates no more than the file can back, and raises `WeightsError`
for a file that is not what it claims to be.
"""
