mods; ext4mods; mount -t ext4 /dev/vda /mnt
snap before
run wb.jsonl wback 60
snap after
