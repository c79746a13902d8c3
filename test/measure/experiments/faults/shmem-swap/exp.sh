mods; mkswap /dev/vda >/dev/null; swapon /dev/vda
mount -t tmpfs -o size=200m tmpfs /shm
snap before
run forked.jsonl forked shmem
snap after
