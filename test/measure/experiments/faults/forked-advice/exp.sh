mount -t tmpfs -o size=200m tmpfs /shm
snap before
run forked.jsonl forked advice
snap after
