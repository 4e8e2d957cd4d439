"""The notebooks: parameters, execution, sweeps."""
