mods; ext4mods; mount -t ext4 /dev/vda /mnt
echo 33554432 > /proc/sys/vm/dirty_bytes
echo 8388608 > /proc/sys/vm/dirty_background_bytes
snap before
run wb.jsonl wback 150
snap after
