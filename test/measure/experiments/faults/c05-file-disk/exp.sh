mods; ext4mods; mount -t ext4 /dev/vda /mnt
snap before
run c5d.jsonl faults c5d
snap after
