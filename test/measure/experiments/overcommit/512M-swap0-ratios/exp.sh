mount -t tmpfs -o size=80% tmpfs /shm
snap before
run overc.jsonl overc 0 200 100
snap after
