mods; ext4mods; mount -t ext4 /dev/vda /mnt
snap before
run dirty.jsonl dirty
snap after
