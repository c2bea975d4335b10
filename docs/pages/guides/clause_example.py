from torchstone.conformance.clauses import clause, tests

print(clause("adam.9").text)
for test in tests()["adam.9"]:
    print(test)
