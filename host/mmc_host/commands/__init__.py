"""One command a file; `mmc_host.cli` has the table and loads a file when its command is called."""
