import { buildOwnGoProgram } from './go-program.ts'

const VERSION = '0.37.0'

const MODULE = `module berth.example/kubernetes-reader

go 1.26

require (
	k8s.io/apimachinery v${VERSION}
	k8s.io/client-go v${VERSION}
)
`

const PROGRAM = `package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

func main() {
	options := json.SerializerOptions{Yaml: true, Strict: true}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, options)
	for reader := yaml.NewYAMLReader(bufio.NewReader(os.Stdin)); ; {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			log.Fatal(err)
		}
		_, kind, err := decoder.Decode(document, nil, nil)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(kind.Kind)
	}
}
`

/**
 * A program that reads manifests from its standard input as Kubernetes' own API types, prints the kind of each, and ends with an error for a kind or a
 * field that they do not have, or a value of another type. The schemas of kubeconform come from a place that tests do not reach.
 */
export async function buildKubernetesReader(): Promise<string> {
  return await buildOwnGoProgram('kubernetes-reader', VERSION, { 'go.mod': MODULE, 'main.go': PROGRAM })
}
