package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/kedrod/kedrod/client"
)

func ExampleClient_Submit() {
	c, err := client.New("http://127.0.0.1:8000", client.Config{APIKey: os.Getenv("KEDROD_API_KEY")})
	if err != nil {
		log.Fatal(err)
	}
	job, err := c.Submit(context.Background(), client.Submission{
		PipelineName: "train",
		Parameters:   json.RawMessage(`{"model": {"depth": 3}}`),
		Options:      client.Options{Tags: []string{"nightly"}},
	}, client.SubmitOptions{Wait: 30 * time.Second})
	var refused *client.Error
	switch {
	case errors.As(err, &refused) && refused.Problem.Code == "unknown_pipeline":
		log.Fatal(refused.Problem.Detail) // names the nearest ones
	case err != nil:
		log.Fatal(err)
	}
	if job, err = c.Wait(context.Background(), job.ID); err != nil { // longer than 30 s
		log.Fatal(err)
	}
	fmt.Println(job.Status)
}

func ExampleClient_Events() {
	c, err := client.New("http://127.0.0.1:8000", client.Config{})
	if err != nil {
		log.Fatal(err)
	}
	for event, err := range c.Events(context.Background(), "01936d2c-5d3c-7c6e-8d0a-3f1b2c4d5e6f", "") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(event.Type, string(event.Data))
	}
}

func ExampleClient_Logs() {
	c, err := client.New("http://127.0.0.1:8000", client.Config{})
	if err != nil {
		log.Fatal(err)
	}
	text, err := c.Logs(context.Background(), "01936d2c-5d3c-7c6e-8d0a-3f1b2c4d5e6f", client.LogOptions{Tail: 100})
	if err != nil {
		log.Fatal(err)
	}
	_, err = io.Copy(os.Stdout, text)
	if err := errors.Join(err, text.Close()); err != nil {
		log.Fatal(err)
	}
}
