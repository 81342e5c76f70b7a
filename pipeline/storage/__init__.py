"""Reading and writing files, local or in an object store, through one interface. A leaf package.

store       open, list, write and remove; addresses: clean URIs, and the addresses with secrets behind them
reading     complete reads of objects, tried again where an answer was short
upload      atomic uploads of objects; temporary: errors when the temporary folder is full
"""
