mods
ext4mods; mount -t ext4 /dev/vda /mnt
mount -t tmpfs -o size=80% tmpfs /shm
snap before
run drop.jsonl dropc
snap after
