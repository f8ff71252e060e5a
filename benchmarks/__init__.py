"""Commands that measure the platform, as ratios inside one run. Must not be imported by the platform."""
