// Command appbuild makes the phone app as it is served: the skin of phone/web, and the core of cmd/wasm/phone compiled to
// WebAssembly, each file hashed and compressed.
//
// It owns the folder phone/web/dist. What is compressed is kept under the hash of its content, so that a second run does
// only what changed. `make build` runs it; the package phone/web embeds and serves what it leaves. Compressing the core as
// far as it goes takes most of a run, so tests that only need an app to open ask for a quick one, in a folder of its own.
//
// group.go takes the compiled core, reads sources and gives them addresses; write.go compresses and writes.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("appbuild: ")
	var c config
	flag.StringVar(&c.Skin, "skin", "phone/web/skin", "folder of the skin")
	flag.StringVar(&c.Stories, "stories", "phone/web/stories", "folder of the stories")
	flag.StringVar(&c.Core, "core", "./cmd/wasm/phone", "package of the core")
	flag.StringVar(&c.Out, "out", "phone/web/dist", "folder that is written")
	flag.StringVar(&c.Quick, "quick", "", "compress little, for tests: into -out, taking from this `folder` what a whole run left there")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	summary, err := build(ctx, c)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(summary)
}
