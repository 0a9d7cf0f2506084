"""The product's own processes, killed, cut off and starved under load: everyone who paid still gets in, nobody else."""
