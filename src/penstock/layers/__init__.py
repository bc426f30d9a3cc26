"""The physical and technical layers: ai, data, platform, silicon, facilities, energy."""
