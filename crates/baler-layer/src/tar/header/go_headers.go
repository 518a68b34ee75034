package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
)

// Writes tar headers with odd names and values, one line each: kind, name and link in hex, mode, ids, size, time,
// device, length of the header and its SHA-256. The test in tests.rs expects the same bytes of ours.
//
//	go run go_headers.go >go_headers.txt
func main() {
	t := time.Unix(315532801, 0)
	a := func(n int) string { return strings.Repeat("a", n) }
	seg := func(lens ...int) string {
		s := ""
		for i, n := range lens {
			s += "/" + strings.Repeat(string(rune('b'+i)), n)
		}
		return s
	}
	cases := []tar.Header{
		{Typeflag: tar.TypeDir, Name: "/layers", Mode: 0755, Uid: 1000, Gid: 1000},
		{Typeflag: tar.TypeReg, Name: "/" + a(98), Mode: 04755},
		{Typeflag: tar.TypeReg, Name: "/" + a(99), Mode: 0644},
		{Typeflag: tar.TypeReg, Name: "/" + a(100), Mode: 0644},
		{Typeflag: tar.TypeReg, Name: seg(50, 60), Mode: 0644},
		{Typeflag: tar.TypeReg, Name: seg(154, 100), Mode: 0644},
		{Typeflag: tar.TypeReg, Name: seg(155, 100), Mode: 0644},
		{Typeflag: tar.TypeReg, Name: seg(154, 101), Mode: 0644},
		{Typeflag: tar.TypeReg, Name: seg(20, 20, 20, 20, 20, 20, 20, 20, 20, 20), Mode: 0644},
		{Typeflag: tar.TypeReg, Name: seg(20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20), Mode: 0644},
		{Typeflag: tar.TypeReg, Name: "/n/z\u00fcrich", Mode: 0644},
		{Typeflag: tar.TypeReg, Name: "/n/\u65e5\u672c", Mode: 0644},
		{Typeflag: tar.TypeReg, Name: "/n/\u65e5\u672c/" + a(120), Mode: 0644},
		{Typeflag: tar.TypeReg, Name: "/n/\xff\xfe\x80x", Mode: 0644},
		{Typeflag: tar.TypeSymlink, Name: "/l", Linkname: seg(90, 60), Mode: 0777},
		{Typeflag: tar.TypeSymlink, Name: "/l", Linkname: "z\u00fcrich", Mode: 0777},
		{Typeflag: tar.TypeSymlink, Name: seg(50, 60), Linkname: seg(90, 60), Mode: 0777},
		{Typeflag: tar.TypeReg, Name: "/big", Size: 1<<33 - 1, Mode: 0600},
		{Typeflag: tar.TypeReg, Name: "/big", Size: 1 << 33, Mode: 0600},
		{Typeflag: tar.TypeReg, Name: "/id", Uid: 2097151, Gid: 2097152, Mode: 0600},
		{Typeflag: tar.TypeReg, Name: seg(50, 60), Uid: 2097152, Gid: 2097152, Mode: 0600},
		{Typeflag: tar.TypeChar, Name: "/c", Devmajor: 1, Devminor: 3, Mode: 0666},
		{Typeflag: tar.TypeBlock, Name: "/b", Devmajor: 259, Devminor: 1048575, Mode: 0660},
		{Typeflag: tar.TypeFifo, Name: "/p", Mode: 0644},
		{Typeflag: tar.TypeLink, Name: "/h", Linkname: "/f", Mode: 0644},
		{Typeflag: tar.TypeReg, Name: "/" + a(98) + "/\u00fc", Mode: 0644},
		{Typeflag: tar.TypeReg, Name: "/" + a(97) + "/\u00fc" + a(5), Mode: 0644},
		{Typeflag: tar.TypeReg, Name: "//a/../b/./\u00fc", Mode: 0644},
		{Typeflag: tar.TypeReg, Name: "../a//\u00fc", Mode: 0644},
		{Typeflag: tar.TypeReg, Name: "/" + a(50) + "/" + a(49) + "/" + strings.Repeat("d", 110), Mode: 0644},
		{Typeflag: tar.TypeDir, Name: "/mtime", Mode: 0755, ModTime: time.Unix(1<<34, 0)},
		{Typeflag: tar.TypeDir, Name: "/mtime", Mode: 0755, ModTime: time.Unix(-5, 0)},
	}
	for _, h := range cases {
		if h.ModTime.IsZero() {
			h.ModTime = t
		}
		var b bytes.Buffer
		if err := tar.NewWriter(&b).WriteHeader(&h); err != nil {
			panic(err)
		}
		fmt.Printf("%c %x. %x. %o %d %d %d %d %d %d %d %x\n", h.Typeflag, h.Name, h.Linkname, h.Mode, h.Uid, h.Gid, h.Size, h.ModTime.Unix(), h.Devmajor, h.Devminor, b.Len(), sha256.Sum256(b.Bytes()))
	}
}
