"""Reading and writing files wherever they lie, local or in an object store, by one interface. A leaf.

store       open, list, write and remove; addresses: which storage an address names, without its secrets
upload      objects that appear whole or not at all; temporary: the folder that large results are gathered in
"""
