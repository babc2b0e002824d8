package config

import (
	"fmt"
	"net/url"
)

// areOrigins judges a list of origins.
func areOrigins(text string) error {
	for _, origin := range splitList(text) {
		if err := isOrigin(origin); err != nil {
			return err
		}
	}
	return nil
}

// isOrigin judges one as browsers send it. Any origin at all (*) is refused: whoever
// may call may run the projects' code.
//
//kedrod:parser FuzzWords
func isOrigin(origin string) error {
	if origin == "*" {
		return fmt.Errorf("must name origins: with * a page of any site could call")
	}
	u, err := url.Parse(origin)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Scheme+"://"+u.Host != origin {
		return fmt.Errorf("must be an origin as browsers send it, such as https://board.example or http://localhost:3000")
	}
	return nil
}
