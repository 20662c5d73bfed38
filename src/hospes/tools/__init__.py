"""Commands for who looks after a store: what is in it, out of it, into it, and from one to another.

| file | what |
|---|---|
| `users` | the commands of `hospes users` |
| `opened` | the store that a command works on |
| `lines` | a record of the users' space as a line of JSON, and back |
| `visitors` | finding, exporting, importing and erasing visitors |
| `migration` | copying a store into another, and comparing the two |
"""
