// Command pricing answers every request with a price.
package main

import (
	"fmt"
	"net/http"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "42") })
	panic(http.ListenAndServe(":9000", nil))
}
