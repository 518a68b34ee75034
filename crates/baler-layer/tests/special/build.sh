l=$layers/special
mkdir -p $l/sub $l/empty
printf '[types]\nlaunch = true\n' >$layers/special.toml
echo text >$l/file
ln -s file $l/relative
ln -s $l/file $l/absolute
ln -s /does/not/exist $l/dangling
ln $l/file $l/sub/hard
ln -s sub $l/dirlink
chmod 4755 $l/file
chmod 0700 $l/sub
: >$l/empty.file
printf 'a\0b' >$l/binary
: >"$l/new
line"
