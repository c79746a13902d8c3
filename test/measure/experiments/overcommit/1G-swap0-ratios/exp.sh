mount -t tmpfs -o size=80% tmpfs /shm
snap before
run overc.jsonl overcratios
snap after
