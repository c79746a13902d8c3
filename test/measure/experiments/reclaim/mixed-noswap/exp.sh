mods
ext4mods; mount -t ext4 -o ro,noload /dev/vda /mnt
snap before
run mixed.jsonl mixed 80 120 4
snap after
