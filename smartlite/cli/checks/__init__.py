"""What ``smartlite doctor`` looks at: one file for each part of a machine or of a platform on it."""
