// Makes the tree to measure with, and exports it as Go programs do: one pass of tar, SHA-256, gzip level 1 and SHA-256,
// each stage in a goroutine of its own where the usual library has one.
//
//	export generate DIRECTORY
//	export export DIRECTORY FILE
package main

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	files     = 20000
	totalSize = 1 << 30
)

func main() {
	switch os.Args[1] {
	case "generate":
		generate(os.Args[2])
	case "export":
		export(os.Args[2], os.Args[3])
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// generate writes 20,000 files of 1 GiB in all, every third of random bytes, the others of words.
func generate(root string) {
	random := rand.New(rand.NewSource(1))
	words := make([]string, 5000)
	for i := range words {
		word := make([]byte, 2+random.Intn(9))
		for j := range word {
			word[j] = "etaoinshrdlucmfwypvbgkqjxz"[min(random.Intn(26), random.Intn(26))]
		}
		words[i] = string(word)
	}
	zipf := rand.NewZipf(random, 1.1, 4, uint64(len(words)-1))
	average := totalSize / files
	for i := 0; i < files; i++ {
		size := average/2 + random.Intn(average)
		var content []byte
		if i%3 == 2 {
			content = make([]byte, size)
			random.Read(content)
		} else {
			var text strings.Builder
			for text.Len() < size {
				text.WriteString(words[zipf.Uint64()])
				text.WriteByte(" \n"[random.Intn(12)/11])
			}
			content = []byte(text.String()[:size])
		}
		directory := filepath.Join(root, fmt.Sprintf("d%d/s%d", i/2000, i/100%20))
		check(os.MkdirAll(directory, 0o755))
		check(os.WriteFile(filepath.Join(directory, fmt.Sprintf("file-%d", i)), content, 0o644))
	}
}

func export(root, output string) {
	file, err := os.Create(output)
	check(err)
	plain, compressed := sha256.New(), sha256.New()
	reader, writer := io.Pipe()
	go func() {
		buffered := bufio.NewWriterSize(writer, 1<<20)
		err := walk(root, buffered)
		if err == nil {
			err = buffered.Flush()
		}
		writer.CloseWithError(err)
	}()
	blobReader, blobWriter := io.Pipe()
	go func() {
		blob := bufio.NewWriterSize(blobWriter, 1<<20)
		zip, err := gzip.NewWriterLevel(io.MultiWriter(compressed, blob), gzip.BestSpeed)
		check(err)
		_, err = io.CopyBuffer(io.MultiWriter(plain, zip), reader, make([]byte, 1<<20))
		check(err)
		check(zip.Close())
		check(blob.Flush())
		blobWriter.Close()
	}()
	size, err := io.CopyBuffer(file, blobReader, make([]byte, 1<<20))
	check(err)
	check(file.Close())
	fmt.Printf("%x %x %d\n", plain.Sum(nil), compressed.Sum(nil), size)
}

func walk(root string, output io.Writer) error {
	writer := tar.NewWriter(output)
	for _, name := range []string{"/layers", "/layers/buildpack"} {
		header := &tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755, Uid: 1000, Gid: 1000, ModTime: time.Unix(315532801, 0)}
		if err := writer.WriteHeader(header); err != nil {
			return err
		}
	}
	err := filepath.Walk(root, func(path string, info fs.FileInfo, err error) error {
		if err != nil {
			return err
		}
		header, err := tar.FileInfoHeader(info, "")
		if err != nil {
			return err
		}
		header.Name = filepath.Join("/layers/buildpack/layer", strings.TrimPrefix(path, root))
		header.ModTime, header.Uid, header.Gid, header.Uname, header.Gname = time.Unix(315532801, 0), 1000, 1000, "", ""
		if err := writer.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.Copy(writer, file)
		return err
	})
	if err != nil {
		return err
	}
	return writer.Close()
}
