// SPDX-License-Identifier: Apache-2.0
// The Runtime API's loop as small as Go has it: net, without net/http. A peer of runtime_start.py.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
)

func exchange(conn net.Conn, in *bufio.Reader, request string) (id string, body []byte) {
	if _, err := io.WriteString(conn, request); err != nil {
		os.Exit(1)
	}
	length := 0
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			os.Exit(0)
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		switch strings.ToLower(name) {
		case "content-length":
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		case "lambda-runtime-aws-request-id":
			id = strings.TrimSpace(value)
		}
	}
	body = make([]byte, length)
	if _, err := io.ReadFull(in, body); err != nil {
		os.Exit(1)
	}
	return id, body
}

func main() {
	host := os.Getenv("AWS_LAMBDA_RUNTIME_API")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		os.Exit(1)
	}
	in := bufio.NewReader(conn)
	for {
		id, event := exchange(conn, in, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: "+host+"\r\n\r\n")
		name := "world"
		if _, after, ok := bytes.Cut(event, []byte(`"name":"`)); ok {
			value, _, _ := bytes.Cut(after, []byte(`"`))
			name = string(value)
		}
		answer := `{"message":"Hello, ` + name + `!"}`
		exchange(conn, in, fmt.Sprintf("POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: %s\r\n"+
			"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", id, host, len(answer), answer))
	}
}
