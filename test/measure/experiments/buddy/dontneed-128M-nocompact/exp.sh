mount -t debugfs d /sys/kernel/debug
snap before
echo "@@@BEGIN frag.jsonl"
frag 48 dontneed nocompact
echo
echo "@@@END x"
snap after
