mods; ext4mods; mount -t ext4 /dev/vda /mnt
echo 0 > /proc/sys/vm/dirty_writeback_centisecs
snap before
run wb.jsonl wback 60
snap after
