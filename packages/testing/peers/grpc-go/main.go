// Command grpc-go-echo serves manifold.testing.v1.Echo with grpc-go. It speaks the protocol of echo-server-message.ts,
// a JSON object a line: it is told by stdin, answers on stdout, and ends when stdin does.
package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"echo"
)

type settings struct {
	Host                    string  `json:"host"`
	Port                    int     `json:"port"`
	DelayMs                 uint32  `json:"delayMs"`
	MaxConcurrentStreams    *uint32 `json:"maxConcurrentStreams"`
	MaxConnectionAgeMs      int64   `json:"maxConnectionAgeMs"`
	MaxConnectionAgeGraceMs int64   `json:"maxConnectionAgeGraceMs"`
	KeepaliveEnforcement    *struct {
		MinTimeMs           int64 `json:"minTimeMs"`
		PermitWithoutStream bool  `json:"permitWithoutStream"`
	} `json:"keepaliveEnforcement"`
	TLS *struct {
		Key  string `json:"key"`
		Cert string `json:"cert"`
	} `json:"tls"`
}

type message struct {
	Kind     string   `json:"kind"`
	ID       int      `json:"id"`
	Settings settings `json:"settings"`
}

type reply struct {
	Kind   string  `json:"kind"`
	ID     int     `json:"id,omitempty"`
	Port   int     `json:"port,omitempty"`
	Reason string  `json:"reason,omitempty"`
	Stats  *counts `json:"stats,omitempty"`
}

func say(r reply) {
	line, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

func milliseconds(count int64) time.Duration { return time.Duration(count) * time.Millisecond }

// start serves until the process ends. Whatever the settings leave out is grpc-go's own default, the enforcement of
// keepalive included: a ping more often than every five minutes is one too many.
func start(s settings, counters *counters) error {
	options := []grpc.ServerOption{
		grpc.StatsHandler(counters),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionAge:      milliseconds(s.MaxConnectionAgeMs),
			MaxConnectionAgeGrace: milliseconds(s.MaxConnectionAgeGraceMs),
		}),
	}
	if enforcement := s.KeepaliveEnforcement; enforcement != nil {
		options = append(options, grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime:             milliseconds(enforcement.MinTimeMs),
			PermitWithoutStream: enforcement.PermitWithoutStream,
		}))
	}
	if s.MaxConcurrentStreams != nil {
		options = append(options, grpc.MaxConcurrentStreams(*s.MaxConcurrentStreams))
	}
	if s.TLS != nil {
		certificate, err := tls.X509KeyPair([]byte(s.TLS.Cert), []byte(s.TLS.Key))
		if err != nil {
			return err
		}
		options = append(options, grpc.Creds(credentials.NewServerTLSFromCert(&certificate)))
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(s.Host, fmt.Sprint(s.Port)))
	if err != nil {
		return err
	}
	server := grpc.NewServer(options...)
	echo.RegisterEchoServer(server, &echoServer{counters: counters, defaultDelayMs: s.DelayMs})
	say(reply{Kind: "listening", Port: listener.Addr().(*net.TCPAddr).Port})
	go func() {
		fmt.Fprintln(os.Stderr, server.Serve(listener))
		os.Exit(1)
	}()
	return nil
}

func main() {
	counters := newCounters()
	lines := bufio.NewScanner(os.Stdin)
	// A key and a certificate are longer than the default allows for.
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			say(reply{Kind: "failed", Reason: err.Error()})
			continue
		}
		switch m.Kind {
		case "start":
			if err := start(m.Settings, counters); err != nil {
				say(reply{Kind: "failed", Reason: err.Error()})
			}
		case "stats":
			counts := counters.read()
			say(reply{Kind: "stats", ID: m.ID, Stats: &counts})
		}
	}
}
