mods
ext4mods; mount -t ext4 -o ro,noload /dev/vda /mnt
snap before
run reclaim.jsonl reclaim -64 3
snap after
