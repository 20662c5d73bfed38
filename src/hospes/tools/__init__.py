"""Commands of the command line: a folder that is served, and what is in a store, out of it, into it, and from one to another.

| file | what |
|---|---|
| `folder` | `hospes serve` |
| `users`, `sessions` | the commands of `hospes users` and of `hospes sessions` |
| `commands` | what the two share |
| `opened` | the store that a command works on |
| `lines` | a record of the users' space as a line of JSON, and back |
| `visitors` | finding, exporting, importing and erasing visitors |
| `stays` | the same for sessions, and their lines |
| `transfer` | into files and out of them |
| `migration` | copying a store into another, and comparing the two |
"""
